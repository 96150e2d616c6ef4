# RWKV-7: time mixing and channel mixing of one block (Peng et al. 2025)
# Simplified: gates of full rank, no residual of values between layers, and one normalisation for all
# heads behind the memory.
heads = 4
e[t] = norm(E @ x[t])
n[t] = g1 * norm(e[t]) + c1
r[t] = R @ (n[t] + mr * (n[t-1] - n[t]))
k[t] = K @ (n[t] + mk * (n[t-1] - n[t]))
v[t] = V @ (n[t] + mv * (n[t-1] - n[t]))
w[t] = exp(-0.606531 * sigmoid(D @ (n[t] + md * (n[t-1] - n[t])) + bd))
a[t] = sigmoid(A @ (n[t] + ma * (n[t-1] - n[t])) + ba)
g[t] = sigmoid(G @ (n[t] + mg * (n[t-1] - n[t])))
p[t] = k[t] * xi
l[t] = k[t] * (1 + (a[t] - 1) * al)
N[t] = outer(1, p[t])
f[t] = N[t] @ p[t] + 0.000001
S[t] = outer(1, w[t]) * S[t-1] - outer(S[t-1] @ p[t], a[t] * p[t]) / f[t] + outer(v[t], l[t])
B[t] = outer(v[t], rho * l[t])
y[t] = e[t] + O @ (g[t] * (g2 * norm(S[t] @ r[t]) + c2 + B[t] @ r[t]))
j[t] = g3 * norm(y[t]) + c3
h[t] = y[t] + W @ relu(U @ (j[t] + mu * (j[t-1] - j[t]))) ** 2
o[t] = softmax(Q @ norm(h[t]) + s)
S: blocks(heads)
N: blocks(heads)
B: blocks(heads)
g1: constant(1)
g2: constant(1)
g3: constant(1)
mr: constant(0.5)
mk: constant(0.5)
mv: constant(0.5)
md: constant(0.5)
ma: constant(0.5)
mg: constant(0.5)
mu: constant(0.5)
xi: constant(0.85)
al: constant(1)
bd: constant(-2)
