// Provides blend(): layer `b` over picture `a`, display values, all four stops weighted by u_blend.
// Without BLENDS it is only add.
vec3 blend(vec3 a, vec3 b) {
    vec3 sum = a + b;
#ifdef BLENDS
    vec3 dodge = min(vec3(1.0), max(a, 0.06) / max(vec3(0.001), 1.0 - b));
    dodge = mix(dodge, vec3(1.0), greaterThanEqual(b, vec3(0.999)));
    return u_blend.x * min(sum, u_tone.z) + u_blend.y * (sum - a * b) + u_blend.z * abs(a - b) + u_blend.w * dodge;
#else
    return min(sum, u_tone.z);
#endif
}
