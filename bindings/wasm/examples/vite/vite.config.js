export default {
  // The WebAssembly module lies beside the JavaScript that loads it: the development server must leave both where they are.
  optimizeDeps: { exclude: ["haoyuan"] },
  // This example reads `../hospital.js` and the package from the folders above it; a page with its own copies needs no such line.
  server: { fs: { allow: ["../.."] } },
};
