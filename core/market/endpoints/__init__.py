"""The calls that are no marketplace's own, with the structs that they take and give: its table names them under its own paths.

Each says what is true of it wherever it is (core/market/traits.py). The name of a module is a section of the OpenAPI document.
"""
