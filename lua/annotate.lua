--- Build step: lua annotate.lua FILE writes the editor's annotations there.
require "orrery.annotations".write(arg[1])
