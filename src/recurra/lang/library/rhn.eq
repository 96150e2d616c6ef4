# RHN: three highway layers in a time step (Zilly et al. 2017)
# The carry gate is 1 minus the transform gate.
# zh: RHN：每个时间步有三个高速层（Zilly 等，2017）
# zh: 携带门为 1 减变换门。
g1[t] = sigmoid(Ug @ x[t] + A1 @ h[t-1] + a1)
h1[t] = g1[t] * tanh(U @ x[t] + B1 @ h[t-1] + b1) + (1 - g1[t]) * h[t-1]
g2[t] = sigmoid(A2 @ h1[t] + a2)
h2[t] = g2[t] * tanh(B2 @ h1[t] + b2) + (1 - g2[t]) * h1[t]
g3[t] = sigmoid(A3 @ h2[t] + a3)
h[t] = g3[t] * tanh(B3 @ h2[t] + b3) + (1 - g3[t]) * h2[t]
o[t] = softmax(V @ h[t] + s)
a1: constant(-2)
a2: constant(-2)
a3: constant(-2)
