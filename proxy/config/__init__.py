"""What the user wrote, read strictly: from YAML to frozen models, or to every error at once.

The rule of this room: nothing but a `Config` or `ConfigErrors` comes out of it, whatever the
file holds, and no word of a library reaches the user. The path of a file:

    load.py      reads the file, puts the steps together; the room's front door
    document.py  YAML events to plain values and their places in the file
    scalars.py   what a scalar means: environment references, YAML 1.2 core types
    schema.py    the models: which keys there are, their defaults and descriptions (pool_schema.py:
                 those of a pool's options; model.py: what all of them share)
    rules.py     what a single value may be (file_rules.py, http_rules.py, pool_rules.py: more of
                 them; forms.py: shorter ways to write; units.py, address.py: how durations, sizes,
                 shares and addresses look)
    decode.py    plain values to models; pydantic's errors to ours
    checks.py    what only more than one key together can tell (pool_checks.py: of a pool,
                 own_strategy.py: of a strategy of the user's own; plain.py: how they read values);
                 warn.py: what is hardly meant
    editor.py    the JSON Schema
    wording.py   how messages show values and suggest names (yaml_wording.py: YAML's own)

Nothing is imported here: a worker needs the models' values, not pydantic.
"""
