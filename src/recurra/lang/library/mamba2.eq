# Mamba-2: a block with a state space of several heads (Dao & Gu 2024)
# Simplified: every head has keys and queries (B and C) of its own, and every unit its own skip D.
heads = 4
e[t] = E @ x[t]
n[t] = g1 * e[t] / sqrt(mean(e[t] ** 2) + 0.000001)
z[t] = Z @ n[t]
pu[t] = Wu @ n[t]
pb[t] = Wb @ n[t]
pc[t] = Wc @ n[t]
u[t] = swish(u0 * pu[t] + u1 * pu[t-1] + u2 * pu[t-2] + u3 * pu[t-3] + bu)
b[t] = swish(b0 * pb[t] + b1 * pb[t-1] + b2 * pb[t-2] + b3 * pb[t-3] + bb)
c[t] = swish(c0 * pc[t] + c1 * pc[t-1] + c2 * pc[t-2] + c3 * pc[t-3] + bc)
d[t] = softplus(Wd @ n[t] + bd)
S[t] = exp(-d[t] * exp(al)) * S[t-1] + d[t] * outer(u[t], b[t])
y[t] = (S[t] @ c[t] + D * u[t]) * swish(z[t])
h[t] = e[t] + P @ (g2 * y[t] / sqrt(mean(y[t] ** 2) + 0.000001))
o[t] = softmax(Q @ norm(h[t]) + s)
S: blocks(heads)
g1: constant(1)
g2: constant(1)
u0: constant(1)
b0: constant(1)
c0: constant(1)
D: constant(1)
bd: constant(-3)
