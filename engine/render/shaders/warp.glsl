// Provides fold() for /mirror, half_wave() and its slope for /layer/<n>/curve. Pixels from the centre, y downward.

// Source position of a pixel in the unmirrored picture. x: the right half mirrors the left; y: the bottom mirrors the
// top. Kaleidoscope: the angle is folded into half a sector beside the positive x axis; positions outside the picture
// are mirrored at its edges.
vec2 fold(vec2 d_px) {
    d_px = mix(d_px, -abs(d_px), u_fold.xy);
    if (u_fold.z <= 0.0) return d_px;
    float turn_rad = mod(atan(d_px.y, d_px.x), u_fold.z);
    turn_rad = min(turn_rad, u_fold.z - turn_rad);
    vec2 folded_px = length(d_px) * vec2(cos(turn_rad), sin(turn_rad));
    return u_size_px.zw - abs(u_size_px.xy - mod(folded_px + u_size_px.zw, 2.0 * u_size_px.xy));
}

// sin(pi x) for x in 0..1 within 5e-7: the cosine series about 1/2. GLSL's sin may be off by 5e-4.
float half_wave(float x) {
    float t = (x - 0.5) * (x - 0.5);
    return 1.0 + t * (-4.9348022 + t * (4.0587121 + t * (-1.3352628 + t * (0.23533063 + t * -0.025806891))));
}

// Derivative of half_wave.
float half_wave_slope(float x) {
    float t = (x - 0.5) * (x - 0.5);
    float series = -4.9348022 + t * (8.1174242 + t * (-4.0057884 + t * (0.94132212 + t * -0.12903446)));
    return 2.0 * (x - 0.5) * series;
}
