# RetNet: multi-scale retention, its gate and the network behind it (Sun et al. 2023), one layer
# The rotation of keys and queries is that of the memory, in pairs of real numbers.
# Simplified: trained decays instead of fixed ones.
# zh: RetNet：多尺度保持，及其门和其后的网络（Sun 等，2023），一层
# zh: 键与查询的旋转写成记忆的旋转，用实数对表示。
# zh: 简化：衰减是训练的，而不是固定的。
heads = 4
e[t] = E @ x[t]
n[t] = g1 * norm(e[t]) + c1
g[t] = sigmoid(d)
A[t] = g[t] * (outer(1, cos(w)) * A[t-1] - outer(1, sin(w)) * B[t-1]) + outer(V @ n[t], K @ n[t])
B[t] = g[t] * (outer(1, sin(w)) * A[t-1] + outer(1, cos(w)) * B[t-1]) + outer(V @ n[t], L @ n[t])
y[t] = e[t] + O @ (swish(G @ n[t]) * norm(A[t] @ (R @ n[t]) + B[t] @ (P @ n[t]), heads))
h[t] = y[t] + M2 @ gelu(M1 @ (g2 * norm(y[t]) + c2))
o[t] = softmax(Q @ norm(h[t]) + s)
A: blocks(heads)
B: blocks(heads)
g1: constant(1)
g2: constant(1)
d: constant(3)
w: uniform(1)
