--- How a page begins: its title and its looks (page.css), in the page.
local assets = require "orrery.report.assets"

local style = {}

--- The start of a page, up to its own additions to <head>; a format with %s
--- for the title, which must be HTML already.
style.head = [[
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>
]] .. assets.css():gsub("%%", "%%%%") .. "</style>\n"

return style
