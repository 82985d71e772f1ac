varying vec4 tint;

// The points: one a particle, as bright as its layer is loud.
void main() {
    isf_vertShaderInit();
    tint = vec4(0.0);
    if (PASSINDEX != 4) return;
    ivec2 size = textureSize(place, 0);
    ivec2 cell = ivec2(gl_VertexID % size.x, gl_VertexID / size.x);
    vec4 at = texelFetch(place, cell, 0), going = texelFetch(speeds, cell, 0), now = texelFetch(clock, ivec2(0), 0);
    float wide = RENDERSIZE.x / RENDERSIZE.y;
    float turn = 0.8 * sin(now.g), c = cos(turn), s = sin(turn);
    vec3 p = vec3(c * at.x + s * at.z, at.y, c * at.z - s * at.x);
    // A pinned one stands in the plane of the picture, wherever the eye is.
    p = mix(p, at.xyz, going.a);
    float deep = p.z + 3.0;
    gl_Position = vec4(p.xy * 3.0 / max(deep, 0.2) / vec2(wide, 1.0), 0.0, 1.0);
    if (deep < 0.5) gl_Position.x = 9.0;
    // What is not at the distance of the middle is out of focus: larger and as much dimmer.
    float unit = RENDERSIZE.y / 540.0;
    float blur = 1.0 + 3.2 * abs(p.z) / deep * 1.3;
    float wanted = max(unit * blur * 1.25, 0.35);
    gl_PointSize = max(wanted, 1.0);
    float kind = mod(float(gl_VertexID), 4.0);
    float level = kind < 0.5 ? layer_1 : kind < 1.5 ? layer_2 : kind < 2.5 ? layer_3 : layer_4;
    vec3 colour = kind < 0.5 ? palette_2.rgb : kind < 1.5 ? mix(palette_1.rgb, palette_2.rgb, 0.5) : kind < 2.5 ? palette_3.rgb : mix(palette_3.rgb, palette_4.rgb, 0.5);
    float pace = length(going.xyz);
    colour = mix(colour, palette_4.rgb, clamp(0.35 * pace - 0.15, 0.0, 0.6));
    float chance = fract(float(gl_VertexID) * 0.61803399);
    float spark = hat * step(0.975, fract(chance * 7.3 + now.a * 0.137));
    float share = RENDERSIZE.x * RENDERSIZE.y / float(size.x * size.y); // as bright with few as with many
    float energy = share * (0.11 + 0.10 * level + 0.50 * kick) * (0.5 + chance) * (1.0 - 0.6 * going.a) / (gl_PointSize * gl_PointSize);
    vec4 to = texelFetch(aim, cell, 0);
    if (to.a > 0.5 && to.z < 0.5) { // on a body: lit as in the camera's picture, so that face and arms are seen
        float luma = dot(IMG_NORM_PIXEL(sourceImage, to.xy).rgb, vec3(0.2126, 0.7152, 0.0722));
        energy *= mix(1.0, 0.16 + 1.0 * luma, going.a);
    }
    tint = vec4(colour * energy * (1.0 + 24.0 * spark) * clamp(1.6 - 0.25 * deep, 0.25, 1.3), 1.0);
}
