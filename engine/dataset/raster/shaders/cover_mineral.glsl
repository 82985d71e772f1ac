// Provides gravel(), sand(), loess(), red_earth(), wet_earth(), asphalt(), rubble(): ground without plants.
// Needs cover_fields.glsl.

// Broken stone, side by side; dust and sand between them in places.
Ground gravel(Field f, Cover c, uint salt) {
    float detail = clamp(0.9 * c.grain_m / f.pixel_m, 0.0, 1.0);
    vec3 stone = cells(f.xy + 0.3 * c.grain_m * f.waves.zw, c.grain_m, salt);
    float split = grit(TURN * f.xy, 0.4 * c.grain_m, f.pixel_m, salt + 1u);
    vec4 single = stones(TURN * f.xy, 4.0 * c.grain_m, 0.22, f.pixel_m, salt + 2u);
    float joint = (1.0 - smoothstep(0.0, 0.3, stone.y)) * resolved(c.grain_m, f.pixel_m);
    float shade = ((stone.x - 0.5) * 0.95 * detail + 0.4 * split) * c.contrast;
    vec3 albedo = c.color * (1.0 + shade) * (1.0 + (stone.z - 0.5) * detail * vec3(0.14, 0.0, -0.14));
    albedo *= 1.0 - 0.5 * joint * c.contrast;
    albedo = mix(albedo, c.color * mix(0.55, 1.6, single.x), 0.85 * single.y);
    float dust = 0.55 * f.patches + 0.5 * f.spots + 0.5 * f.waves.x + 0.4 * f.waves.y + 0.5 * f.track;
    dust = smoothstep(-0.25, 0.45, dust - 0.9 + 1.4 * c.share);
    vec3 fine = c.accent * (1.0 + 0.15 * f.waves.y + 0.14 * f.waves.z + 0.2 * split);
    albedo = mix(albedo, fine, 0.8 * dust * (1.0 - 0.5 * single.y));
    albedo *= 1.0 + 0.16 * f.broad + 0.12 * f.patches + 0.07 * f.spots;
    albedo *= 1.0 - f.track * (0.08 + 0.14 * f.ribs);
    vec2 facets = (vec2(stone.x, stone.z) - 0.5) * detail * (1.0 - 0.8 * dust) + 0.5 * single.zw * single.y;
    return matt(albedo, 0.6 * facets + 0.03 * (f.tilts[0] + f.tilts[1]));
}

// Smooth sand: ripples of the wind in some places, hollows of steps, a few pebbles, damp patches.
Ground sand(Field f, Cover c, uint salt) {
    float damp = smoothstep(0.05, 0.4, f.broad + 0.25 * f.patches + 0.05 * f.waves.x);
    float bend = 1.1 * f.spots + 0.5 * f.waves.x;
    float turns = dot(f.xy, c.way) / c.grain_m + bend;
    float part = fract(turns);
    float flank = part < 0.7 ? part / 0.7 : (1.0 - part) / 0.3; // the lee side is steeper
    float rippled = smoothstep(-0.1, 0.35, f.patches + 0.5 * f.spots + 2.0 * c.share - 1.0) * (1.0 - damp) * (1.0 - f.track);
    rippled *= resolved(c.grain_m, f.pixel_m);
    vec4 dent = stones(TURN * f.xy, 0.5, 0.35 * smoothstep(-0.1, 0.5, f.spots - f.patches), f.pixel_m, salt);
    vec4 pebble = stones(TURN * TURN * f.xy, 0.23, 0.07, f.pixel_m, salt + 1u);
    float grain = grit(f.xy, 0.025, f.pixel_m, salt + 2u);
    float relief_sum = 0.5 * f.waves.x + 0.35 * f.waves.y + 0.2 * f.waves.z;
    vec3 albedo = c.color * (1.0 + c.contrast * (0.12 * relief_sum + 0.11 * grain + 0.20 * rippled * (flank - 0.5)));
    albedo *= 1.0 + 0.10 * f.broad + 0.06 * f.patches + 0.05 * f.spots;
    albedo = mix(albedo, c.accent * (1.0 + 0.1 * relief_sum), 0.75 * damp);
    albedo *= 1.0 - 0.16 * dent.y * dent.y;
    albedo = mix(albedo, c.color * mix(0.3, 1.25, pebble.x), 0.8 * pebble.y);
    albedo *= 1.0 - f.track * (0.10 + 0.26 * f.ribs);
    vec2 tilt = 0.30 * rippled * c.way * (part < 0.7 ? 0.7 : -1.6);
    tilt += 0.03 * f.tilts[0] + 0.03 * f.tilts[1] + 0.03 * f.tilts[2] + 0.2 * dent.zw * dent.y + 0.3 * pebble.zw * pebble.y;
    return matt(albedo, tilt);
}

// Silt: powder and crumbs, rills of the rain where it slopes, dry cracks where water stood.
Ground loess(Field f, Cover c, uint salt) {
    float clods = 0.8 * f.waves.x + 0.9 * f.waves.y + 0.9 * f.waves.z + 0.8 * f.waves.w;
    float dug = smoothstep(0.0, 0.5, f.patches + 0.5 * f.spots + c.share - 0.6);
    vec3 crumb = cells(TURN * f.xy + 0.13 * f.waves.yz + 0.05 * f.waves.wx, 0.14, salt);
    float detail = clamp(0.14 / f.pixel_m - 0.8, 0.0, 1.0) * dug;
    float rill = 1.0 - smoothstep(0.02, 0.09, abs(relief(f.xy / 2.9 + 0.2 * f.waves.xy, salt + 1u).x));
    rill *= smoothstep(0.04, 0.2, f.steep) * (1.0 - dug);
    float grain = grit(f.xy, 0.05, f.pixel_m, salt + 2u) + 0.8 * grit(TURN * f.xy, 0.022, f.pixel_m, salt + 4u);
    vec3 albedo = mix(c.color, c.accent, smoothstep(0.0, 0.6, 0.7 * f.patches + 0.6 * f.spots + 0.3 * clods));
    float shade = mix(0.12, 0.22, dug) * clods + 0.16 * grain + (crumb.x - 0.5) * 0.5 * detail;
    albedo *= 1.0 + c.contrast * shade + 0.15 * f.broad + 0.08 * f.patches;
    albedo *= 1.0 - 0.18 * detail * (1.0 - smoothstep(0.0, 0.5, crumb.y)) - 0.3 * rill;
    vec4 stone = stones(TURN * f.xy, 0.2, 0.08, f.pixel_m, salt + 3u);
    albedo = mix(albedo, c.accent * mix(0.5, 1.5, stone.x), 0.7 * stone.y);
    albedo = mix(albedo, u_subsoil.rgb, 0.5 * f.track);
    albedo *= 1.0 - f.track * (0.12 + 0.32 * f.ribs);
    vec2 tilt = mix(0.06, 0.13, dug) * (f.tilts[0] + f.tilts[1] + f.tilts[2] + f.tilts[3]);
    return matt(albedo, tilt * (1.0 - 0.5 * f.track) + 0.4 * detail * (vec2(crumb.x, crumb.z) - 0.5));
}

// Weathered earth: coarse clods, gullies, and stones of a lighter kind.
Ground red_earth(Field f, Cover c, uint salt) {
    float clods = f.waves.x + 1.1 * f.waves.y + 1.0 * f.waves.z + 0.9 * f.waves.w;
    vec3 lump = cells(TURN * f.xy + 0.2 * f.waves.yz + 0.07 * f.waves.wx, 0.22, salt);
    float rough = smoothstep(-0.2, 0.4, f.patches + 0.5 * f.spots + c.share - 0.5);
    float detail = clamp(0.22 / f.pixel_m - 0.8, 0.0, 1.0) * rough;
    float grain = grit(f.xy, 0.05, f.pixel_m, salt + 1u) + 0.8 * grit(TURN * f.xy, 0.022, f.pixel_m, salt + 3u);
    vec3 albedo = mix(c.color, c.accent, smoothstep(-0.1, 0.6, 0.8 * f.patches + 0.5 * f.spots + 0.35 * clods));
    float shade = mix(0.13, 0.24, rough) * clods + 0.17 * grain + (lump.x - 0.5) * 0.6 * detail;
    albedo *= max(0.25, 1.0 + c.contrast * shade + 0.18 * f.broad + 0.1 * f.patches);
    albedo *= 1.0 - 0.2 * detail * (1.0 - smoothstep(0.0, 0.5, lump.y));
    vec4 stone = stones(TURN * f.xy, 0.17, 0.16, f.pixel_m, salt + 2u);
    vec3 rock = vec3(dot(c.accent, vec3(0.4, 0.4, 0.2))) * vec3(1.15, 1.0, 0.9);
    albedo = mix(albedo, rock * mix(0.6, 2.2, stone.x), 0.8 * stone.y);
    albedo = mix(albedo, u_subsoil.rgb, 0.45 * f.track);
    albedo *= 1.0 - f.track * (0.14 + 0.36 * f.ribs);
    vec2 tilt = mix(0.08, 0.18, rough) * (f.tilts[0] + f.tilts[1] + f.tilts[2] + f.tilts[3]);
    return matt(albedo, tilt * (1.0 - 0.5 * f.track) + 0.5 * detail * (vec2(lump.x, lump.z) - 0.5) + 0.4 * stone.zw * stone.y);
}

// Mud after rain: dark, shining, with puddles in hollows and ruts.
Ground wet_earth(Field f, Cover c, uint salt) {
    float clods = f.waves.x + 1.1 * f.waves.y + 1.0 * f.waves.z + 0.9 * f.waves.w;
    float grain = grit(f.xy, 0.035, f.pixel_m, salt);
    float low = 0.5 * relief(TURN * f.xy / 9.7, salt + 1u).x + 0.35 * f.spots + 0.12 * clods;
    low += 0.30 * f.track - 0.9 * smoothstep(0.08, 0.25, f.steep);
    float edge = 0.75 - 0.75 * c.share;
    float moist = smoothstep(edge - 0.45, edge, low);
    float water = smoothstep(edge, edge + 0.05, low - 0.05 * f.ribs);
    float shade = 0.2 * clods + 0.13 * grain + 0.14 * f.broad + 0.1 * f.patches;
    vec3 albedo = c.color * max(0.3, 1.0 + c.contrast * shade);
    float dry = smoothstep(0.1, 0.5, 0.6 * f.patches - 0.4 * f.spots + 0.25 * clods - 0.6 * low);
    albedo = mix(albedo, 1.7 * c.color, 0.6 * dry * (1.0 - moist));
    albedo *= 1.0 - 0.35 * moist;
    albedo *= 1.0 - f.track * (0.15 + 0.4 * f.ribs);
    float deep = smoothstep(edge, edge + 0.35, low);
    albedo = mix(albedo, c.accent * mix(1.0, 0.6, deep) * (1.0 + 0.06 * f.spots), water);
    vec2 tilt = 0.17 * (f.tilts[0] + f.tilts[1] + f.tilts[2] + f.tilts[3]) * (1.0 - water);
    return Ground(albedo, tilt, mix(0.15 + 0.5 * moist, 1.0, water));
}

// A compacted road base or asphalt: fine grain, cracks, lanes polished by tyres, stains, blown sand.
Ground asphalt(Field f, Cover c, uint salt) {
    float detail = clamp(0.8 * c.grain_m / f.pixel_m, 0.0, 1.0);
    vec3 stone = cells(f.xy, c.grain_m, salt);
    float grain = grit(TURN * f.xy, 0.5 * c.grain_m, f.pixel_m, salt + 1u);
    vec3 albedo = c.color * (1.0 + c.contrast * ((stone.x - 0.5) * 0.7 * detail + 0.25 * grain));
    float across = dot(f.xy, vec2(-c.way.y, c.way.x));
    float lane = abs(fract(across / 3.6 + 0.05 * f.broad) - 0.5) * 3.6; // metres from the middle of the lane
    float polished = smoothstep(0.45, 0.15, abs(lane - 0.9) + 0.06 * f.spots) * (0.6 + 0.4 * f.patches);
    albedo *= 1.0 + 0.10 * polished + 0.1 * f.broad + 0.07 * f.patches + 0.05 * f.spots + 0.05 * f.waves.x;
    vec3 plate = cells(f.xy + 0.5 * vec2(f.spots, f.waves.x) + 0.1 * f.waves.yz, 3.1, salt + 2u);
    float crack = 1.0 - smoothstep(0.0, 0.008 + 0.3 * f.pixel_m, plate.y);
    crack *= smoothstep(0.0, 0.5, f.patches + c.share - 0.4) * clamp(0.03 / f.pixel_m, 0.0, 1.0);
    albedo *= 1.0 - 0.55 * crack;
    vec4 stain = stones(TURN * f.xy + 0.3 * f.waves.xy + 0.2 * f.waves.zx, 2.7, 0.15, f.pixel_m, salt + 3u);
    albedo *= 1.0 - 0.45 * stain.y * smoothstep(1.0, 0.5, length(stain.zw) + 0.4 * f.waves.y);
    float blown = smoothstep(0.05, 0.6, 0.6 * f.broad + 0.5 * f.patches + 0.3 * f.spots + 0.2 * f.waves.x + c.share - 0.6);
    albedo = mix(albedo, c.accent * (1.0 + 0.1 * f.waves.y + 0.1 * grain), 0.7 * blown);
    albedo = mix(albedo, u_subsoil.rgb, f.track * (0.15 + 0.3 * f.ribs));
    return matt(albedo, 0.15 * detail * (vec2(stone.x, stone.z) - 0.5) + 0.02 * f.tilts[0]);
}

// Crushed concrete and brick: angular pieces of all sizes on fines.
Ground rubble(Field f, Cover c, uint salt) {
    vec3 albedo = c.color * (1.0 + 0.14 * f.broad + 0.1 * f.patches + 0.14 * f.waves.y + 0.15 * f.waves.z + 0.15 * f.waves.w);
    albedo *= 1.0 + 0.2 * grit(f.xy, 0.03, f.pixel_m, salt);
    vec2 tilt = 0.08 * (f.tilts[0] + f.tilts[1] + f.tilts[2]);
    float heap = smoothstep(-0.5, 0.4, f.patches + 0.4 * f.spots);
    float cell_m = 0.55;
    vec2 position = f.xy;
    for (int k = 0; k < 4; k++) {
        position = TURN * position;
        vec3 piece = cells(position + 0.06 * f.waves.zw, cell_m, salt + 1u + uint(k));
        float lies = step(piece.z, (0.10 + 0.14 * float(k)) * (0.4 + 1.2 * c.share) * (0.5 + 0.5 * heap));
        lies *= smoothstep(0.14, 0.24 + 0.7 * f.pixel_m / cell_m, piece.y) * clamp(0.8 * cell_m / f.pixel_m - 0.3, 0.0, 1.0);
        vec3 own = piece.x < 0.22 ? c.accent : c.color * mix(0.8, 1.7, piece.x);
        albedo *= 1.0 - 0.35 * lies * (1.0 - smoothstep(0.2, 0.5, piece.y));
        albedo = mix(albedo, own * (0.75 + 0.5 * piece.x), min(0.95, c.contrast * 0.9) * lies);
        tilt += 0.6 * lies * (vec2(piece.x, fract(13.0 * piece.z + 7.0 * piece.x)) - 0.5);
        cell_m *= 0.5;
    }
    albedo = mix(albedo, u_subsoil.rgb, f.track * (0.25 + 0.2 * f.ribs));
    return matt(albedo, tilt * (1.0 - 0.6 * f.track));
}
