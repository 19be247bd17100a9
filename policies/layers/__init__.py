"""Network layers that policies share; a policy's own modules lie with the policy."""
