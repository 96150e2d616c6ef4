# RetNet: multi-scale retention, its gate and the network behind it (Sun et al. 2023), one layer
# The rotation of keys and queries is that of the memory, in pairs of real numbers.
# Simplified: trained decays instead of fixed ones, and one normalisation for all heads.
heads = 4
e[t] = E @ x[t]
n[t] = g1 * norm(e[t]) + c1
v[t] = V @ n[t]
g[t] = sigmoid(d)
k[t] = K @ n[t]
l[t] = L @ n[t]
q[t] = R @ n[t]
p[t] = P @ n[t]
A[t] = g[t] * (outer(1, cos(w)) * A[t-1] - outer(1, sin(w)) * B[t-1]) + outer(v[t], k[t])
B[t] = g[t] * (outer(1, sin(w)) * A[t-1] + outer(1, cos(w)) * B[t-1]) + outer(v[t], l[t])
y[t] = e[t] + O @ (swish(G @ n[t]) * norm(A[t] @ q[t] + B[t] @ p[t]))
z[t] = y[t] + M2 @ gelu(M1 @ (g2 * norm(y[t]) + c2))
o[t] = softmax(Q @ norm(z[t]) + s)
A: blocks(heads)
B: blocks(heads)
g1: constant(1)
g2: constant(1)
d: constant(3)
w: uniform(1)
