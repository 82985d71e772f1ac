// Provides picture(): the user's own picture, tiled over the ground. Needs cover_fields.glsl.
#ifdef PICTURE
uniform sampler2D u_picture; // linear light, with mipmaps

Ground picture(Field f, Cover c, uint salt) {
    vec4 scale = u_cover[7], turn = u_cover[8]; // 1 / width m, 1 / height m, texels per metre, 0; cos, sin, shift
    vec2 position = vec2(turn.x * f.xy.x + turn.y * f.xy.y, turn.x * f.xy.y - turn.y * f.xy.x) * scale.xy + turn.zw;
    float level = max(log2(f.pixel_m * scale.z), 0.0);
    vec3 albedo = textureLod(u_picture, vec2(position.x, -position.y), level).rgb;
    albedo *= 1.0 + 0.08 * f.broad + 0.05 * f.patches; // hides that it repeats
    albedo *= 1.0 - f.track * (0.1 + 0.2 * f.ribs);
    return matt(albedo, vec2(0.0));
}
#endif
