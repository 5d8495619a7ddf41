--- How a report looks: readable text, light or dark as the reader's system
--- says, charts on white paper in both.
local style = {}

-- Okabe & Ito, as in the charts, lightened a little to read on dark too.
style.colors = '["#3b8ed0","#e0702a","#1fae84","#e69f00","#cc79a7","#56b4e9",'
  .. '"#9a8f1a","#a0764f","#888888"]'

style.head = [[
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>
:root { color-scheme: light dark;
  --ink: #1d2430; --dim: #5c6675; --page: #fbfbf9; --line: #dcdfe4;
  --card: #ffffff; --tint: #f1f3f6; }
@media (prefers-color-scheme: dark) { :root {
  --ink: #e4e7ec; --dim: #9aa4b2; --page: #15181d; --line: #333a45;
  --card: #1c2027; --tint: #222732; } }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .8rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .6rem; }
p { max-width: 44rem; margin: .6rem 0; }
.sub, .note, figcaption { color: var(--dim); font-size: .92rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0;
  font-variant-numeric: tabular-nums; }
th, td { padding: .35rem 1.3rem .35rem 0; text-align: left;
  border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; color: var(--dim); font-size: .92rem; }
th.n, td.n { text-align: right; }
tbody tr:hover { background: var(--tint); }
figure { margin: 1rem 0 1.4rem; }
figure img, .matrix img { max-width: 100%%; height: auto;
  border-radius: 6px; background: #fff; border: 1px solid var(--line); }
img.pixels { image-rendering: pixelated; }
.matrix td { padding: .4rem .8rem .4rem 0; vertical-align: top; }
.matrix img { max-width: 25rem; }
.matrix th { vertical-align: middle; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--dim); }
pre { background: var(--tint); padding: .8rem 1rem; border-radius: 6px;
  overflow-x: auto;
  font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }
.curve { background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; padding: .8rem 1rem; }
.curve > div:first-of-type { width: 100%%; height: 260px; }
.legend { font-size: .85rem; color: var(--dim); min-height: 1.4em; }
.charts { display: grid; gap: 0 1rem;
  grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); }
</style>
]]

style.dygraphs = [[
.dygraph-axis-label, .dygraph-label { color: var(--dim); }
.dygraph-legend { background: transparent; }
]]

return style
