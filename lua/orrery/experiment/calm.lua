--- Catching an interrupt for good. In the program `orrery` a Ctrl-C may raise a
--- second time just after the first error was caught: there a message handler
--- that no hook disturbs also gives the code that follows time to tidy up.
local has_host, host = pcall(require, "orrery.host")

---@param handler fun(problem: any): any  for xpcall
---@return function handler
return function(handler)
  return has_host and host.calm(handler) or handler
end
