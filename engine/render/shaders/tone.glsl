// Provides soft_tone(): (x / (1 + x))^0.8 for x >= 0, within 6e-5 (1/60 of an 8-bit level).
// pow() takes a sixth of the whole pass on a software rasteriser. With q the fourth root of y, y^0.8 = q^3.2 is
// smooth on 0..1: the coefficients are the minimax fit of q^2 (c0 + c1 q + c2 q^2 + c3 q^3).
vec3 soft_tone(vec3 light) {
    vec3 root = sqrt(light / (1.0 + light));
    vec3 q = sqrt(root);
    return root * (-0.0226380 + q * (0.7706476 + q * (0.3296433 + q * -0.0777120)));
}
