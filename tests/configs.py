"""Configurations that several tests read."""

__all__ = ["FULL", "HARD", "TABLE"]

FULL = """\
version: 1
model:
  path: models/m.onnx
  task: classification
  input: {preset: custom, scale: 0.5, mean: [1, 2, 3], std: [1, 1, 1], order: bgr, crop: [20, 30]}
data: {path: probes.zip, limit: 10, seed: 3}
families:
  translation: {shifts_px: [[1, 0], [-4, 4]]}
  rotation: off
gate:
  assertions:
    translation.consistency: [error, {min: 0.9}]
    translation.drift: [warn, {max: 0.1}]
    rotation.consistency: off
  on_inconclusive: fail
"""

TABLE = """\
[project]
name = "shop"

[tool.holdfast]
version = 1
model.path = "models/m.onnx"
data = {path = "probes.zip", limit = 10, seed = 3}
families.translation.shifts_px = [[1, 0], [-4, 4]]
families.rotation = "off"

[tool.holdfast.model.input]
preset = "custom"
scale = 0.5
mean = [1, 2, 3]
std = [1, 1, 1]
order = "bgr"
crop = [20, 30]

[tool.holdfast.gate]
on_inconclusive = "fail"

[tool.holdfast.gate.assertions]
translation.consistency = ["error", {min = 0.9}]  # without quotes: a table in a table, says TOML
"translation.drift" = ["warn", {max = 0.1}]
rotation.consistency = false
"""
"""The same as a table of a pyproject.toml."""

HARD = r'''
# Everything that could hide where a key stands.
a.b."c.d" = 1
'its own' = 2
"esc\"\u0041" = "a # no comment = [x]"
many = """
[not.a.table]
no = "key" \""" and """""
raw = """""" # empty
literal = QQQ
[nor.this]
x = 'y' QQQ''
list = [ # with a comment ]
  1, [2, {three = 3, "f.our" = [4]}], # and another
  { five = "}" , six = { seven = [] } },
  1979-05-27 07:32:00, -inf, 0x1F,
]
empty = {}
[a.b.e]
f = true
  [ "a" . b . 'g' ]
  h = 1
[[rows]]
id = 1
[rows.inside]
x = 1
[[rows]]
id = 2
[[rows.below]]
y = 1
[[rows.below]]
z.z = 1
'''.replace("QQQ", "'''")
"""TOML that hides its keys in every way that it offers."""
