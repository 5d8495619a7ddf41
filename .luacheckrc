-- luacheck checks this tree: `ninja -C build lint`.
std = "lua54"
max_line_length = 80
self = false
ignore = { "581" }  -- "not (a <= b)" is how NaN is refused
exclude_files = { "build*/**" }
files["tests/lua/"] = { std = "+busted" }
