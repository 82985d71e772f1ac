// Provides ray_of(), point_at(), drop_of(), in_camera(), in_world(), camera_position(), on_target(), clip_of(). Needs
// view.glsl. Row 0 of every target is the top of the picture, although GL calls it the bottom.
// Camera space: x right, y up in the picture, z against the viewing direction. Depth is measured along the axis.

vec3 camera_position() {
    return vec3(u_right.w, u_up.w, u_back.w);
}

// Rotates a direction, or a point relative to the camera, from the world into camera space.
vec3 in_camera(vec3 way) {
    return vec3(dot(u_right.xyz, way), dot(u_up.xyz, way), dot(u_back.xyz, way));
}

vec3 in_world(vec3 way) {
    return u_right.xyz * way.x + u_up.xyz * way.y + u_back.xyz * way.z;
}

// Change of x and y in camera space per metre of depth along the ray through this position of the target.
vec2 ray_of(vec2 position_px) {
    vec2 off_px = position_px + u_tile.xy - u_camera.xy;
    return vec2(off_px.x, -off_px.y) / u_camera.z;
}

// The plain form is not a special case of the other to a compiler that fuses its last product with what follows.
vec3 point_at(vec2 ray, float depth) {
#ifdef IS_MOVED
    return camera_position() + in_world(vec3(ray * depth, -depth));
#else
    return vec3(ray * depth, u_back.w - depth);
#endif
}

// Metres by which the ray falls per metre of depth: 1 if the camera looks straight down, 0 towards the horizon.
float drop_of(vec2 ray) {
    return -in_world(vec3(ray, -1.0)).z;
}

// Converts a position in the picture, px, to the target's -1..1. The viewport is wider than the target, so that
// triangles are not clipped at the target's edge: clipping makes new corners, and those are rounded.
vec2 on_target(vec2 position_px) {
    float spare_px = u_soil.w;
    return (position_px - u_tile.xy + spare_px) / (u_tile.zw + 2.0 * spare_px) * 2.0 - 1.0;
}

// Snapped to 1/256 pixel of the whole picture, as rasterisers snap anyway: so a tile's edge changes no coverage.
// A point before the near plane, or behind the camera, cannot be projected and is left to the clipper; beside
// the camera its depth is 0.
vec4 clip_of(vec3 point) {
    vec3 local = in_camera(point - camera_position());
    float depth = -local.z;
    float near = u_reach.x, far = u_reach.y;
    if (depth < near) {
        float spare_px = u_soil.w;
        vec2 position = vec2(local.x, -local.y) * u_camera.z + (u_camera.xy - u_tile.xy + spare_px) * depth;
        position = position / (u_tile.zw + 2.0 * spare_px) * 2.0 - depth;
        return vec4(position, ((far + near) * depth - 2.0 * far * near) / (far - near), depth);
    }
    vec2 position_px = vec2(local.x, -local.y) * (u_camera.z / depth) + u_camera.xy;
    position_px = floor(position_px * 256.0 + 0.5) / 256.0;
    float z = (far + near - 2.0 * far * near / depth) / (far - near);
    return vec4(on_target(position_px), z, 1.0) * depth;
}
