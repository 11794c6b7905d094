"""Claims: what each architecture is said to fix about its parent, and the experiment that tries it.

`interface` says what a claim is, `catalogue` finds them, `engine` runs one, `statistics` holds the rule, `store` the folder that a
claim leaves behind, `verdicts` what is known without running, `page` the page of all. Every other file is one claim.
"""
