"""Activities: one side effect a method, one class a system role, ports and ledger injected."""
