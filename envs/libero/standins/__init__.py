"""Stand-ins for asset files of LIBERO that are absent: primitive geoms and procedural textures, made from numbers.

`objects.json` holds the numbers (size, mass, sites, joints); `shapes` is the alphabet; `vessels`, `groceries`,
`containers` and `appliances` build the 33 objects, `scenes` the five rooms, `textures` the pictures.
"""
