// Provides ground_at(): the ground's material, for the picture and for the plan. Needs view.glsl, noise.glsl.

struct Ground {
    vec3 albedo;
    vec2 tilt; // slope of clods and ruts, beyond that of the terrain
};

const vec3 LIME = vec3(0.80, 0.80, 0.77);
const mat2 TURN = mat2(0.8, 0.6, -0.6, 0.8); // each layer's lattice is rotated against the previous one

// Stones on a lattice with cells of this many metres, at most one per cell: shade (0: none), coverage.
vec2 stones(vec2 xy, float cell_m, float share, float pixel_m, uint salt) {
    vec2 position = xy / cell_m;
    vec2 low = floor(position);
    uint h = hash(ivec2(low), salt);
    float size = unit_of(h, 0);
    float radius = mix(0.10, 0.36, size * size);
    vec2 middle = mix(vec2(radius), vec2(1.0 - radius), vec2(unit_of(h, 8), unit_of(h, 16)));
    float soft = 0.06 + 0.7 * pixel_m / cell_m;
    float cover = clamp((radius - length(position - low - middle)) / soft + 0.5, 0.0, 1.0);
    float strength = min(1.0, 1.4 * radius * cell_m / pixel_m);
    float is_there = float(int(h >> 24u)) < share * 255.0 ? 1.0 : 0.0;
    return vec2(unit_of(h * 0x9E3779B1u, 12), cover * strength * strength * is_there);
}

// xy: metres; slope: rise of the terrain per metre, east and north; marks: as drawn by marks.glsl.
Ground ground_at(vec2 xy, vec2 slope, float pixel_m, vec4 marks) {
    uint salt = u_seed.x;
    float wet = 0.6 * relief(xy / 47.0, salt).x;
    vec2 position = TURN * xy;
    wet += 0.4 * relief(position / 17.0, salt + 1u).x;
    position = TURN * position;
    float patches = relief(position / 6.1, salt + 2u).x;
    position = TURN * position;
    float spots = relief(position / 2.3, salt + 3u).x;

    // Clods: finer and finer, each with its slope.
    vec2 tilt = vec2(0.0);
    float clods = 0.0;
    mat2 back = transpose(TURN) * transpose(TURN) * transpose(TURN);
    float wave_m = 0.95;
    for (int k = 0; k < 4; k++) {
        position = TURN * position;
        back = back * transpose(TURN);
        vec3 wave = relief(position / wave_m, salt + 4u + uint(k)) * resolved(wave_m, pixel_m);
        clods += wave.x;
        tilt += back * wave.yz;
        wave_m *= 0.42;
    }

    float track = smoothstep(0.15, 0.85, marks.r + marks.r * (1.0 - marks.r) * (0.8 * clods + 0.5 * spots));
    float steepness = length(slope);
    float bare = smoothstep(0.22, 0.5, steepness + 0.12 * spots + 0.06 * clods);
    bare = max(bare, 0.45 * smoothstep(0.25, 0.8, patches + 0.4 * spots));
    bare = max(bare, 0.6 * track);
    vec3 soil = mix(u_soil.rgb, u_subsoil.rgb, bare);
    soil *= 1.0 + 0.18 * wet + 0.11 * patches + 0.10 * spots + 0.17 * clods;
    soil *= mix(vec3(1.0), vec3(1.05, 1.0, 0.92), 0.5 * wet);

    // Stones have the soil's colour, but lighter or darker.
    vec3 rock = mix(soil, vec3(dot(soil, vec3(0.3, 0.5, 0.2))), 0.3);
    vec2 stone = stones(xy, 0.19, 0.16, pixel_m, salt + 11u);
    vec3 albedo = mix(soil, rock * mix(0.45, 1.55, stone.x), 0.8 * stone.y);
    stone = stones(TURN * xy, 0.062, 0.4, pixel_m, salt + 12u);
    albedo = mix(albedo, rock * mix(0.4, 1.5, stone.x), 0.8 * stone.y);

    // Tufts: coarse noise selects areas with grass, fine noise the tufts in them; between tufts it is dark.
    vec3 tuft = relief(TURN * xy / 0.33, salt + 13u) * resolved(0.33, pixel_m);
    float blades = relief(TURN * TURN * xy / 0.09, salt + 14u).x * resolved(0.09, pixel_m);
    float clumps = relief(TURN * TURN * xy / 0.9, salt + 16u).x;
    float wanted = 0.55 * relief(TURN * TURN * xy / 11.0 + 0.35 * vec2(patches, spots), salt + 15u).x + 0.3 * patches + 0.3 * spots + 0.2 * clumps;
    wanted -= u_grass.w + 0.8 * track + 0.8 * max(steepness - 0.35, 0.0);
    float grass = smoothstep(-0.18, 0.24, wanted + 0.26 * tuft.x + 0.16 * blades);
    vec3 straw = vec3(1.7, 1.3, 1.6) * u_grass.rgb;
    vec3 green = mix(u_grass.rgb, straw, clamp(0.4 - 0.7 * wet + 0.5 * clumps + 0.4 * blades, 0.0, 0.9));
    green *= clamp(0.9 + 0.45 * tuft.x + 0.45 * blades + 0.15 * spots, 0.3, 1.6);
    albedo = mix(albedo, green, 0.88 * grass);

    // Ruts: compacted and moist, with ribs from the grousers.
    albedo *= 1.0 - track * (0.24 + 0.34 * marks.a);
    float lime = marks.g * clamp(0.85 + 0.5 * clods + 0.3 * spots, 0.0, 1.0);
    albedo = mix(albedo, LIME, lime);

    Ground ground;
    ground.albedo = max(albedo, 0.01);
    ground.tilt = tilt * mix(0.13, 0.06, max(grass, track)) + grass * 0.13 * (transpose(TURN) * tuft.yz);
    return ground;
}
