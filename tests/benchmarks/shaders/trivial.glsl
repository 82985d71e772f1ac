#version 330 core
uniform vec3 u_colour;
out vec4 f_rgba;
void main() { f_rgba = vec4(u_colour, 1.0); }
