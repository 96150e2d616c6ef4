# SRU: simple recurrent unit, no matrix in the loop of time (Lei et al. 2018)
# Simplified: one layer, no scaling constant of the highway connection.
# zh: SRU：简单循环单元，时间循环中没有矩阵（Lei 等，2018）
# zh: 简化：一层，高速连接没有缩放常数。
e[t] = E @ x[t]
f[t] = sigmoid(F @ e[t] + vf * c[t-1] + bf)
r[t] = sigmoid(R @ e[t] + vr * c[t-1] + br)
c[t] = f[t] * c[t-1] + (1 - f[t]) * (W @ e[t])
h[t] = r[t] * c[t] + (1 - r[t]) * e[t]
o[t] = softmax(Q @ h[t] + s)
vf: uniform(1)
vr: uniform(1)
