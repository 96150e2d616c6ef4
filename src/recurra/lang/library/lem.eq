# LEM: long expressive memory, two learned time scales (Rusch et al. 2022)
# zh: LEM：长时表达记忆，两个学得的时间尺度（Rusch 等，2022）
dt = 1
a[t] = dt * sigmoid(Ua @ x[t] + Wa @ y[t-1] + ba)
b[t] = dt * sigmoid(Ub @ x[t] + Wb @ y[t-1] + bb)
z[t] = (1 - a[t]) * z[t-1] + a[t] * tanh(Uz @ x[t] + Wz @ y[t-1] + bz)
y[t] = (1 - b[t]) * y[t-1] + b[t] * tanh(Uy @ x[t] + Wy @ z[t] + by)
o[t] = softmax(V @ y[t] + s)
