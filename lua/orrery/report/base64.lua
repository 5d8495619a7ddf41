--- Bytes as base64 text (RFC 4648), for data: URIs.
local digits = {}
for c in ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  :gmatch "." do
  digits[#digits + 1] = c
end

-- Every pair of digits, by its 12 bits: two lookups make four characters.
local pairs_of = {}
for i = 0, 4095 do
  pairs_of[i] = digits[(i >> 6) + 1] .. digits[(i & 63) + 1]
end

---@param bytes string
---@return string text
return function(bytes)
  local out, n = {}, 0
  local whole = #bytes - #bytes % 3
  for i = 1, whole, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local v = a << 16 | b << 8 | c
    out[n + 1], out[n + 2] = pairs_of[v >> 12], pairs_of[v & 4095]
    n = n + 2
  end
  local a, b = bytes:byte(whole + 1, #bytes)
  if b then
    local v = a << 16 | b << 8
    out[n + 1] = pairs_of[v >> 12] .. digits[(v >> 6 & 63) + 1] .. "="
  elseif a then
    out[n + 1] = pairs_of[a << 4] .. "=="
  end
  return table.concat(out)
end
