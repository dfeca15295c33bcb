/** How the addon is compiled. A member of an enum that a switch does not handle is an error. */
export const FLAGS = [
  '-std=c++17',
  '-O2',
  '-fPIC',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Werror=switch',
];
