#version 330 core
// Conversions that later versions allow and many shaders use: int to float in a return, int to uint.
#extension GL_ARB_shading_language_420pack : enable
#extension GL_ARB_gpu_shader5 : enable
// In front of a vertex shader. The picture is drawn as a strip of four corners.
#define ISF_STAGE out
