"""Automated WCAG A and AA checks in a page: `page.evaluate(AXE)`, then RUN_AXE with RULES."""

from pathlib import Path

AXE = (Path(__file__).resolve().parent.parent / "vendor/axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# A colour on its way to another theme has no contrast to measure: let transitions end first.
RUN_AXE = """
async (tags) => {
  const ends = one => one.effect.getComputedTiming().iterations < Infinity;
  await Promise.allSettled(document.getAnimations().filter(ends).map(one => one.finished));
  return (await axe.run(document, {runOnly: tags})).violations
    .map(({id, nodes}) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
}
"""
