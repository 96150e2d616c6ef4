# QRNN: convolution of two characters, fo-pooling (Bradbury et al. 2017)
# Simplified: one layer, no zoneout.
# zh: QRNN：对两个字符的卷积，fo 池化（Bradbury 等，2017）
# zh: 简化：一层，无 zoneout。
z[t] = tanh(Uz @ x[t] + Vz @ x[t-1] + bz)
f[t] = sigmoid(Uf @ x[t] + Vf @ x[t-1] + bf)
q[t] = sigmoid(Uq @ x[t] + Vq @ x[t-1] + bq)
c[t] = f[t] * c[t-1] + (1 - f[t]) * z[t]
h[t] = q[t] * c[t]
o[t] = softmax(W @ h[t] + s)
bf: constant(1)
