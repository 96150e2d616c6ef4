"""Networks against each other, fairly: equal budgets, paired seeds, intervals, and a verdict."""
