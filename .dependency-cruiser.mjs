/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'services-never-import-services',
      comment: 'They share libs/ and events only; standalone composes them.',
      severity: 'error',
      from: { path: '^services/([^/]+)/', pathNot: '^services/standalone/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    { name: 'libs-never-import-services', severity: 'error', from: { path: '^libs/' }, to: { path: '^services/' } },
    {
      name: 'sqlite-driver-in-one-folder',
      severity: 'error',
      from: { pathNot: '^(libs/sqlite|bench)/|^proofs/crash-test/stored-documents\\.ts$' },
      to: { path: '^(node:)?sqlite$' },
    },
    {
      name: 'duckdb-driver-in-one-folder',
      severity: 'error',
      from: { pathNot: '^(libs/usage-store|bench)/' },
      to: { path: 'node_modules/@duckdb/' },
    },
    {
      name: 'mongo-driver-in-one-folder',
      severity: 'error',
      from: { pathNot: '^libs/read-models/mongo/' },
      to: { path: 'node_modules/(mongoose|mongodb)/' },
    },
    {
      name: 'kafka-client-in-one-folder',
      severity: 'error',
      from: { pathNot: '^(libs/messaging/kafka|bench|docs)/|^libs/wire/consumer\\.spec\\.ts$' },
      to: { path: 'node_modules/kafkajs/' },
    },
    {
      name: 'eventstoredb-driver-in-one-folder',
      severity: 'error',
      from: { pathNot: '^libs/event-sourcing/eventstoredb/' },
      to: { path: 'node_modules/@eventstore/' },
    },
    {
      name: 'csv-library-in-one-folder',
      comment: 'What is written there is harmless to a spreadsheet.',
      severity: 'error',
      from: { pathNot: '^libs/csv/' },
      to: { path: 'node_modules/csv-(parse|stringify)/' },
    },
    {
      name: 'mail-library-in-one-folder',
      severity: 'error',
      from: { pathNot: '^libs/mail/' },
      to: { path: 'node_modules/nodemailer/' },
    },
    {
      name: 'nest-in-the-shell-only',
      comment: 'Decisions, projections and ports stay plain functions.',
      severity: 'error',
      from: { pathNot: '(^libs/platform/|\\.module\\.ts$|\\.controller\\.ts$|/main\\.ts$|\\.spec\\.ts$|/testing/)' },
      to: { path: 'node_modules/@nestjs/' },
    },
    {
      name: 'decisions-import-only-the-language',
      comment: 'An aggregate is the file that has its folder’s name; `terms` and `window` are parts of a contract’s rules.',
      severity: 'error',
      from: { path: '^services/[^/]+/src/([^/]+)/(\\1|terms|window)\\.ts$' },
      to: {
        pathNot:
          '^(services/|(node:)?(crypto|util)$|libs/(event-sourcing/(claims|decider|domain-error|event)|access-policy/(delegated-access|policy|roles|service-account))\\.ts$|libs/(canonical-json\\.ts|money/|published/|rules/|time/))',
      },
    },
    {
      name: 'projections-import-only-events-and-rules',
      severity: 'error',
      from: { path: '\\.projection\\.ts$' },
      to: {
        pathNot:
          '^(services/|libs/(email-address|event-sourcing/(claims|event)|access-policy/(delegated-access|policy|roles|service-account|set-up)|read-models/(alphabetical|projection))\\.ts$|libs/(money|published|rules|time)/)',
      },
    },
    {
      name: 'decisions-and-projections-reach-no-shell',
      comment: 'Nor by way of a file of their service.',
      severity: 'error',
      from: { path: '^services/[^/]+/src/(([^/]+)/(\\2|terms|window)\\.ts$|.*\\.projection\\.ts$)' },
      to: { path: '^libs/(platform|sqlite|messaging|usage-store/(?!usage-group))', reachable: true },
    },
    {
      name: 'rating-is-pure',
      severity: 'error',
      from: { path: '^services/invoicing/src/rating/', pathNot: '(\\.spec\\.ts$|/testing/)' },
      to: {
        pathNot:
          '^(services/invoicing/src/rating/|(node:)?crypto$|libs/(money|published|rules|time)/|libs/(sabotage|usage-store/usage-group)\\.ts$)',
      },
    },
    {
      name: 'the-shell-stands-above-the-libs',
      severity: 'error',
      from: { path: '^libs/', pathNot: '^libs/platform/' },
      to: { path: '^libs/platform/' },
    },
    {
      name: 'adapters-are-picked-in-the-shell',
      comment: 'Everybody else knows the ports only; what shares the SQLite file knows its own neighbours.',
      severity: 'error',
      from: {
        pathNot:
          '(^bench/|^deploy/|^proofs/fault-test/|^libs/platform/(open-storage|(embedded|distributed)-storage|(sqlite|shared)-log)\\.ts$|/(sqlite|embedded|kafka|mongo|eventstoredb)/|\\.spec\\.ts$|\\.contract\\.ts$|/testing/)',
      },
      to: { path: '^libs/[^/]+/(sqlite|embedded|kafka|mongo|eventstoredb)/|^libs/sqlite/(?!storage-error)' },
    },
    {
      name: 'engines-are-loaded-when-chosen',
      comment: 'The embedded default starts without a driver, its folder or what stands on it.',
      severity: 'error',
      from: {
        pathNot:
          '(^(bench|proofs|deploy|docs)/|^libs/platform/distributed-storage\\.ts$|/(kafka|mongo|eventstoredb)/|\\.spec\\.ts$|\\.contract\\.ts$|/testing/)',
      },
      to: {
        path: '^libs/platform/(distributed-storage|bus-strategy)\\.ts$|^libs/[^/]+/(kafka|mongo|eventstoredb)/|node_modules/(kafkajs|mongoose|mongodb|@eventstore)/',
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'rarely-used-is-loaded-when-used',
      comment: 'A start waits for no library that few processes need.',
      severity: 'error',
      from: { path: '^(libs|services)/', pathNot: '(^services/standalone/src/demo/|\\.spec\\.ts$|\\.contract\\.ts$|/testing/)' },
      to: {
        path: '^libs/usage-store/duckdb\\.ts$|node_modules/(nodemailer|openid-client|tar)/',
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'proofs-and-benches-stand-outside',
      severity: 'error',
      from: { path: '^(services|libs)/' },
      to: { path: '^(proofs|bench)/' },
    },
    {
      name: 'oracle-shares-nothing-with-the-engine',
      comment: 'A mistake that is in both is one that no case can show.',
      severity: 'error',
      from: { path: '^services/invoicing/src/oracle/', pathNot: '^services/invoicing/src/oracle/engine\\.ts$' },
      to: { path: '^(services/invoicing/src/(?!oracle/)|libs/(rules|money)/)' },
    },
    {
      name: 'oracle-asks-the-engine-in-one-file',
      severity: 'error',
      from: { path: '^services/invoicing/src/oracle/engine\\.ts$' },
      to: {
        path: '^(services/invoicing/src/(?!oracle/)|libs/rules/)',
        pathNot: '^services/invoicing/src/rating/(rate|rating-input|signature)\\.ts$',
      },
    },
    {
      name: 'oracle-is-asked-by-checks-only',
      severity: 'error',
      from: { pathNot: '(^services/invoicing/src/oracle/|\\.spec\\.ts$)' },
      to: { path: '(^services/invoicing/src/oracle/|node_modules/decimal\\.js/)' },
    },
    {
      name: 'tests-are-not-imported',
      severity: 'error',
      from: { pathNot: '(\\.spec\\.ts$|\\.contract\\.ts$|/testing/)' },
      to: { path: '(\\.spec\\.ts$|\\.contract\\.ts$|/testing/)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { conditionNames: ['tributary', 'import', 'node', 'default'], exportsFields: ['exports'] },
  },
};
