# Mamba-2: a block with a state space of several heads (Dao & Gu 2024)
# Simplified: a convolution of the inputs alone, not of B and C, which every head has of its own; and
# every unit has its own skip D.
# zh: Mamba-2：带多头状态空间的块（Dao 和 Gu，2024）
# zh: 简化：只对输入做卷积，不对 B 和 C 做；每个头有自己的 B 和 C，每个单元有自己的跳跃项 D。
heads = 4
e[t] = E @ x[t]
n[t] = g1 * e[t] / sqrt(mean(e[t] ** 2) + 0.000001)
p[t] = W @ n[t]
u[t] = swish(w0 * p[t] + w1 * p[t-1] + w2 * p[t-2] + w3 * p[t-3] + bu)
d[t] = softplus(Wd @ n[t] + bd)
S[t] = exp(-d[t] * exp(a)) * S[t-1] + d[t] * outer(u[t], swish(B @ n[t] + bb))
y[t] = (S[t] @ swish(C @ n[t] + bc) + D * u[t]) * swish(Z @ n[t])
h[t] = e[t] + P @ (g2 * y[t] / sqrt(mean(y[t] ** 2) + 0.000001))
o[t] = softmax(Q @ norm(h[t]) + s)
S: blocks(heads)
g1: constant(1)
g2: constant(1)
w0: constant(1)
D: constant(1)
bd: constant(-3)
