// Provides linear() and tone_map() for /multiverse/light and the filmic tone, ramp() for /colour/map.
// Include after tone.glsl.

// Linear light of display values, at most 0.002 from sRGB's own curve (C. Taylor, "sRGB approximations for HLSL", 2012).
// Used for any value above 0 too: classic blending goes beyond 1.
vec3 linear(vec3 value) {
    return value * (0.012522878 + value * (0.682171111 + value * 0.305306011));
}

// Display values of linear light 0..1 (sRGB, IEC 61966-2-1).
vec3 encode_srgb(vec3 light) {
    vec3 bright = 1.055 * pow(max(light, 1e-6), vec3(1.0 / 2.4)) - 0.055;
    return mix(12.92 * light, bright, greaterThan(light, vec3(0.0031308)));
}

const float SHOULDER = 0.55; // light up to here stays as it is
const float WHITENING = 0.3; // how soon what is too bright turns to white

// Linear light 0..1 of any light, with its hue. The largest channel is rolled off, which keeps the ratios of the
// channels, and what was taken away is given back as white (Khronos PBR Neutral tone mapper, 2024). Mixed with white in
// linear light, blue would turn violet: it is mixed in Oklab (Ottosson 2020), that is in cube roots of its cone response.
vec3 filmic(vec3 light) {
    float peak = max(light.r, max(light.g, light.b));
    float rest = 1.0 - SHOULDER;
    float rolled = peak > SHOULDER ? 1.0 - rest * rest / (peak + rest - SHOULDER) : peak;
    float white = 1.0 - 1.0 / (WHITENING * (peak - rolled) + 1.0);
    vec3 rolled_light = light * (rolled / max(peak, 1e-6));
    vec3 cones = vec3(
        dot(rolled_light, vec3(0.4122214708, 0.5363325363, 0.0514459929)),
        dot(rolled_light, vec3(0.2119034982, 0.6806995451, 0.1073969566)),
        dot(rolled_light, vec3(0.0883024619, 0.2817188376, 0.6299787005)));
    vec3 mixed = mix(pow(max(cones, 1e-9), vec3(1.0 / 3.0)), vec3(pow(rolled, 1.0 / 3.0)), white);
    mixed *= mixed * mixed;
    vec3 paled = vec3(
        dot(mixed, vec3(4.0767416621, -3.3077115913, 0.2309699292)),
        dot(mixed, vec3(-1.2684380046, 2.6097574011, -0.3413193965)),
        dot(mixed, vec3(-0.0041960863, -0.7034186147, 1.7076147010)));
    return clamp(white > 0.0 ? paled : rolled_light, 0.0, 1.0);
}

// Display values of what the layers add up to, times brightness.
vec3 tone_map(vec3 rgb) {
    bool is_linear = u_colour.x > 0.0;
    if (u_tone.y > 1.0) return encode_srgb(filmic(is_linear ? rgb : linear(rgb)));
    if (is_linear) return encode_srgb(u_tone.y > 0.0 ? rgb / (1.0 + rgb) : min(rgb, 1.0));
    return u_tone.y > 0.0 ? soft_tone(rgb) : min(rgb, 1.0);
}

// Colour of the palette's ramp for a picture of this brightness: the mean of its luma (BT.709) and its largest channel,
// because by luma alone pure blue would be almost black.
vec3 ramp(vec3 rgb) {
    float key = 0.5 * (dot(rgb, vec3(0.2126, 0.7152, 0.0722)) + max(rgb.r, max(rgb.g, rgb.b)));
    float position = clamp(key, 0.0, 1.0) * 16.0;
    int index = min(int(position), 15);
    return mix(u_ramp[index].rgb, u_ramp[index + 1].rgb, position - float(index));
}
