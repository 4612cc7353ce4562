"""``python -m edgehybrid.recipe`` prints the JSON Schema that editors use (recipes/schema.json)."""

import json

from edgehybrid.recipe.recipe import Recipe

print(json.dumps(Recipe.model_json_schema(), indent=2))
