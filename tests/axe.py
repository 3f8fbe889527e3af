"""The accessibility audit: axe-core, from the installed package, run in an open page."""

from pathlib import Path

MOVING = """() => document.getAnimations().every(one =>
  one.playState !== 'running' || one.effect.getTiming().iterations === Infinity)"""
SERIOUS = {"serious", "critical"}


def audit(page, context="document"):
    """What axe finds serious or critical on a Playwright page: a list of ``rule: target, target``.

    ``context``: a JavaScript expression for the part to look at; the rules are those of WCAG 2 A and AA.
    """
    import axe_playwright_python

    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=Path(axe_playwright_python.__file__).parent / "axe.min.js")
    # Halfway through a transition a colour is neither the old nor the new one.
    page.wait_for_function(MOVING)
    levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
    rules = {"runOnly": levels, "resultTypes": ["violations"], "preload": False}
    found = page.evaluate(f"rules => axe.run({context}, rules)", rules)["violations"]
    return [
        f"{item['id']}: {', '.join(' '.join(map(str, node['target'])) for node in item['nodes'][:4])} ({len(item['nodes'])})"
        for item in found
        if item["impact"] in SERIOUS
    ]
