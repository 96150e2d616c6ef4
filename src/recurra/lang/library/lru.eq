# LRU: linear recurrence with complex diagonal entries, as pairs of numbers (Orvieto et al. 2023)
# Simplified: all entries begin with one modulus; phases are drawn from all directions.
# zh: LRU：对角元素为复数的线性循环，复数写成实数对（Orvieto 等，2023）
# zh: 简化：所有元素的模初值相同；相位从所有方向中抽取。
e[t] = E @ x[t]
w[t] = sqrt(1 - exp(-2 * exp(nu)))
a[t] = exp(-exp(nu)) * (cos(theta) * a[t-1] - sin(theta) * b[t-1]) + w[t] * (A @ e[t])
b[t] = exp(-exp(nu)) * (sin(theta) * a[t-1] + cos(theta) * b[t-1]) + w[t] * (B @ e[t])
y[t] = e[t] + gelu(C @ a[t] - D @ b[t] + d * e[t])
o[t] = softmax(Q @ y[t] + s)
nu: constant(-2.5)
theta: uniform(3.14159)
