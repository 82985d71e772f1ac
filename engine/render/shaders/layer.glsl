// Provides layer_value(): brightness 0..1 of a layer at a pixel; `polar` is its distance from the centre and its angle.
// Shapes, and when the wave is averaged over a pixel: shapes.py. Rows of u_waves, too.

const int LAYERS = 4;
const float GLOW = 0.42; // brightness of a trace's glow beside its edge
const float BAND = 1.5; // width of the average in pixels: one leaves half of what is just too fine

vec2 wave_texel(int layer, int row, float index) {
    // Uses texelFetch: a sampler's 8-bit weights are off by 2/255 at brightness 4.
    return texelFetch(u_waves, ivec2(int(index), row * LAYERS + layer), 0).rg;
}

// A period of 1024 points runs upwards; the second half of one of 2048 runs back.
float point_at(float u, float period_points) {
    return 1024.0 - abs(fract(u) * period_points - 1024.0);
}

#ifdef FINE
// Sum of the points from the beginning of this period of the wave to u.
float sum_to(int layer, float u, float period_points) {
    float run = fract(u) * period_points;
    float point = 1024.0 - abs(run - 1024.0);
    float index = floor(point);
    vec2 sum_step = wave_texel(layer, 1, index);
    float sum = sum_step.x + sum_step.y * (point - index);
    return run > 1024.0 ? 2.0 * wave_texel(layer, 1, 1024.0).x - sum : sum;
}

// Mean of the wave over `points` of it around u.
float mean_at(int layer, float u, float points, float period_points) {
    float half_width = 0.5 * points / period_points;
    float from = u - half_width;
    float to = u + half_width;
    float period_sum = wave_texel(layer, 1, 1024.0).x * period_points / 1024.0;
    float sum = (floor(to) - floor(from)) * period_sum;
    sum += sum_to(layer, to, period_points) - sum_to(layer, from, period_points);
    return clamp(sum / points, 0.0, 1.0);
}
#endif

#ifdef SHAPES
// Lowest and highest position across, within a distance of the trace.
vec2 trace_at(int layer, int row, float index, float fraction) {
    return mix(wave_texel(layer, row, index), wave_texel(layer, row, min(index + 1.0, 1024.0)), fraction);
}

float above(vec2 low_high, float across_px) {
    return max(across_px - low_high.y, low_high.x - across_px);
}

// Brightness of a trace: an edge of one pixel, and a glow.
float trace_value(int layer, float u, float across_px) {
    float point = point_at(u, u_layer_u[layer].w);
    float index = floor(point);
    float fraction = point - index;
    float inner = above(trace_at(layer, 1, index, fraction), across_px);
    float outer = above(trace_at(layer, 2, index, fraction), across_px);
    float core = clamp(outer / min(outer - inner, -1e-6), 0.0, 1.0);
    float glow = 0.0;
    if (u_layer_line[layer].y > 0.0) {
        float near = above(trace_at(layer, 3, index, fraction), across_px);
        float far = above(trace_at(layer, 4, index, fraction), across_px);
        float first = clamp(outer / max(outer - near, 1e-6), 0.0, 1.0);
        float second = clamp(near / max(near - far, 1e-6), 0.0, 1.0);
        float left = 1.0 - (first + 2.0 * second) / 3.0;
        glow = GLOW * left * left * left;
    }
    return min((core + (1.0 - core) * glow) * u_layer_line[layer].z, 1.0);
}
#endif

float layer_value(int layer, vec2 d_px, vec2 polar) {
    vec3 position = vec3(d_px, 1.0);
    float u = dot(u_layer_u[layer].xyz, position);
    float period_points = u_layer_u[layer].w;
#ifdef FINE
    vec2 slope = u_layer_u[layer].xy;
#endif
#ifdef WARP
    float x = dot(u_layer_x[layer].xyz, position);
    float y = u_layer_x[layer].w * dot(u_layer_y[layer].xyz, position);
    u += y * half_wave(x);
#ifdef FINE
    slope += u_layer_x[layer].w * half_wave(x) * u_layer_y[layer].xy + y * half_wave_slope(x) * u_layer_x[layer].xy;
#endif
#endif
#ifdef SHAPES
    float turn_rad = polar.y - u_layer_polar[layer].w;
    turn_rad -= 6.2831853 * floor(turn_rad / 6.2831853 + 0.5);
    float side = u_layer_polar[layer].z > 0.0 ? sign(turn_rad) : 1.0;
    u += u_layer_polar[layer].x * polar.x + u_layer_polar[layer].y * turn_rad * side;
#ifdef FINE
    vec2 outward = d_px / max(polar.x, 0.5);
    slope += u_layer_polar[layer].x * outward;
    slope += u_layer_polar[layer].y * side / max(polar.x, 0.5) * vec2(-outward.y, outward.x);
#endif
    if (u_layer_line[layer].x > 0.0) {
        vec4 across = u_layer_across[layer];
        return trace_value(layer, u, dot(across, vec4(d_px, polar.x, 1.0)));
    }
#endif
    float point = point_at(u, period_points);
    float index = floor(point);
    vec2 value_step = wave_texel(layer, 0, index);
    float value = clamp(value_step.x + value_step.y * (point - index), 0.0, 1.0);
#ifdef FINE
    if (u_layer_band[layer].y > 0.0) {
        float max_points = u_layer_band[layer].x;
        float points = BAND * sqrt(max(dot(slope, slope) * period_points * period_points - max_points * max_points, 0.0));
        if (points > 1.0) value = mix(value, mean_at(layer, u, points, period_points), min(points - 1.0, 1.0));
    }
#endif
    return value;
}
