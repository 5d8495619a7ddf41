--- Text as pages and notebooks need it: every byte that is no UTF-8 becomes
--- U+FFFD, terminal codes and control characters are left out, and of a line
--- that was written over and over only the last state stays.
---@param text string
---@return string
return function(text)
  local out, at = {}, 1
  while true do
    local good, bad = utf8.len(text, at)
    if good then break end
    out[#out + 1] = text:sub(at, bad - 1) .. "\u{FFFD}"
    at = bad + 1
  end
  out[#out + 1] = text:sub(at)
  return (table.concat(out):gsub("\r\n", "\n"):gsub("[^\n]*\r", "")
    :gsub("\27%[[%d;?]*%a", ""):gsub("[%z\1-\8\11\12\14-\31\127]", ""))
end
