// Crossfade of two pictures of the same size: (1 - u_fraction) x u_previous + u_fraction x u_current, alpha too.
// For layer 5 (gl_lazy_images.py) and whole looks (gl_targets.py). In display values, as in video mixers.
// BLEND: two looks composed as u_blend says, the first alone at u_fraction 0, the second alone at 1.
// HIT: u_fraction of white instead, over the finished picture.
#version 330 core

#ifndef HIT
uniform sampler2D u_current;
#endif
uniform sampler2D u_previous;
uniform float u_fraction;
#ifdef BLEND
uniform int u_blend; // the place in osc_schema.presets.BLENDS
uniform float u_key;

vec4 blended(vec4 a, vec4 b, float m) {
    float of_a = min(2.0 - 2.0 * m, 1.0), of_b = min(2.0 * m, 1.0); // in the middle both are there in full
    if (u_blend == 1) { // add
        return min(of_a * a + of_b * b, 1.0);
    }
    if (u_blend == 2) { // screen
        return 1.0 - (1.0 - of_a * a) * (1.0 - of_b * b);
    }
    if (u_blend == 3) { // multiply
        return mix(vec4(1.0), a, of_a) * mix(vec4(1.0), b, of_b);
    }
    float cover = u_blend == 4 ? dot(b.rgb, vec3(0.2126, 0.7152, 0.0722))
                               : smoothstep(u_key, u_key + 0.2, max(b.r, max(b.g, b.b)));
    return mix(a, b, mix(1.0, of_b * cover, of_a)); // b appears where it covers, then a leaves beneath it
}
#endif
out vec4 f_rgba;

void main() {
    ivec2 texel = ivec2(gl_FragCoord.xy);
#ifdef HIT
    vec4 current = vec4(1.0);
#else
    vec4 current = texelFetch(u_current, texel, 0);
#endif
#ifdef BLEND
    f_rgba = blended(texelFetch(u_previous, texel, 0), current, u_fraction);
#else
    f_rgba = mix(texelFetch(u_previous, texel, 0), current, u_fraction);
#endif
}
