// Provides shadow_clip(). Needs view.glsl.
vec4 shadow_clip(vec3 point) {
    vec2 position = (point.xy - point.z * u_shadow_shear.xy - u_shadow_place.xy) * u_shadow_place.zw;
    float z = (u_shadow_shear.w - point.z) / (u_shadow_shear.w - u_shadow_shear.z);
    return vec4(position * 2.0 - 1.0, z * 2.0 - 1.0, 1.0);
}
