--- Runs busted in whatever Lua runs this file: stock lua5.4, or the program.
-- lua5.4 tests/lua/busted.lua [busted's options] FILE...
-- What the tests train is no run of this script.
require("orrery.runs.current").forget()
require "busted.runner" { standalone = false }
