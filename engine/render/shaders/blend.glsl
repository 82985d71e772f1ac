// Provides over(): a layer over the layers so far, display values or linear light. `has_base`: true once one is drawn.
// Blends are weighted by u_blend. Without BLENDS all layers are added, without a ceiling.
#ifdef BLENDS
vec3 blend(vec3 a, vec3 b) {
    vec3 sum = a + b;
    vec3 dodge = min(vec3(1.0), max(a, 0.06) / max(vec3(0.001), 1.0 - b));
    dodge = mix(dodge, vec3(1.0), greaterThanEqual(b, vec3(0.999)));
    return u_blend.x * min(sum, u_tone.z) + u_blend.y * (sum - a * b) + u_blend.z * abs(a - b) + u_blend.w * dodge;
}
#endif

vec3 over(vec3 rgb, vec3 colour, float weight, inout bool has_base) {
#ifdef BLENDS
    rgb = has_base ? mix(rgb, blend(rgb, colour), weight) : colour * weight;
    has_base = has_base || weight > 0.0;
    return rgb;
#else
    return rgb + colour * weight;
#endif
}
