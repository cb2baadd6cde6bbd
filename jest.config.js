/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['tributary', 'node', 'node-addons'] },
  testMatch: ['<rootDir>/{libs,services,proofs,bench,deploy}/**/*.spec.ts'],
  // These need an engine: jest.engines.config.js runs them.
  testPathIgnorePatterns: ['/node_modules/', '\\.int\\.spec\\.ts$'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        module: { type: 'es6' },
        sourceMaps: 'inline',
        jsc: {
          target: 'es2023',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
      },
    ],
  },
  maxWorkers: 2,
  testTimeout: 20_000,
};
