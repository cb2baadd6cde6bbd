import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { SERVICES } from '#services/standalone/src/services';

const root = join(import.meta.dirname, '..', '..');
const composition = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: Record<string, { command?: string[]; environment?: Record<string, string>; depends_on?: object; volumes?: string[] }>;
  volumes: Record<string, unknown>;
};
/** The schema of the Compose specification, as the npm package `docker-compose` carries it. */
const schema = JSON.parse(readFileSync(join(root, 'node_modules/docker-compose/schema/compose-spec.json'), 'utf8')) as object;

describe('docker-compose.yml', () => {
  it('is what the Compose specification describes', () => {
    const validate = new Ajv({ strict: false, validateFormats: false, validateSchema: false }).compile(
      Object.fromEntries(Object.entries(schema).filter(([key]) => key !== '$schema')),
    );
    validate(composition);
    expect(validate.errors).toBeNull();
    expect(validate({ services: { one: { imagge: 'x' } } })).toBe(false);
  });

  it('runs every service, by a script that is built', () => {
    const names = SERVICES.map(({ name }) => name);
    expect(Object.keys(composition.services)).toEqual(expect.arrayContaining(names));
    for (const { command } of Object.values(composition.services)) {
      const script = command?.find((part) => part.startsWith('dist/'));
      if (script) expect(existsSync(join(root, script.replace('dist/', '').replace(/\.js$/, '.ts')))).toBe(true);
    }
  });

  it('leads the gateway to every service', () => {
    const upstreams = composition.services['gateway']?.environment?.['GATEWAY_UPSTREAMS']?.split(',');
    expect(upstreams?.map((upstream) => upstream.split('=')[0]).sort()).toEqual(SERVICES.map(({ name }) => name).sort());
  });

  it('has services believe the gateway who asks, and the gateway nobody, unless told', () => {
    const trustedBy = (service: string) => composition.services[service]?.environment?.['TRUSTED_PROXIES'];
    for (const { name } of SERVICES)
      expect([name, trustedBy(name)?.split(',')]).toEqual([name, expect.arrayContaining(['172.16.0.0/12'])]);
    expect(trustedBy('gateway')).toBe('${TRIBUTARY_PROXIES:-}');
  });

  it('names only services and volumes that are there', () => {
    for (const { depends_on = {}, volumes = [] } of Object.values(composition.services)) {
      for (const other of Object.keys(depends_on)) expect(Object.keys(composition.services)).toContain(other);
      for (const volume of volumes) expect(Object.keys(composition.volumes)).toContain(volume.split(':')[0]);
    }
  });
});
