# Griffin: a recurrent block and its gated MLP (De et al. 2024), one layer
# Simplified: no local attention, which reads a whole window; all units begin with one decay, and a
# millionth stands inside the root, whose slope is infinite at 0.
# zh: Griffin：一个循环块及其门控 MLP（De 等，2024），一层
# zh: 简化：无局部注意力（它要读取整个窗口）；所有单元的衰减初值相同；根号内加百万分之一，因为根号在 0 处斜率无穷大。
c = 8
heads = 4
e[t] = E @ x[t]
n[t] = g1 * e[t] / sqrt(mean(e[t] ** 2) + 0.000001)
u[t] = U @ n[t] + bu
v[t] = k0 * u[t] + k1 * u[t-1] + k2 * u[t-2] + k3 * u[t-3] + bv
r[t] = sigmoid(A @ v[t] + ba)
i[t] = sigmoid(B @ v[t] + bx)
a[t] = exp(c * r[t] * log(sigmoid(d)))
h[t] = a[t] * h[t-1] + sqrt(1.000001 - a[t] ** 2) * (i[t] * v[t])
y[t] = e[t] + P @ (gelu(G @ n[t] + bg) * h[t])
m[t] = g2 * y[t] / sqrt(mean(y[t] ** 2) + 0.000001)
z[t] = y[t] + M @ (gelu(M1 @ m[t]) * (M2 @ m[t]))
o[t] = softmax(Q @ norm(z[t]) + s)
A: blocks(heads)
B: blocks(heads)
d: constant(6)
g1: constant(1)
g2: constant(1)
k0: constant(1)
