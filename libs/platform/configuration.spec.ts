import { describe, expect, it } from '@jest/globals';
import { IsInt, Max } from 'class-validator';
import {
  ConfigurationFault,
  configurationTable,
  HttpConfiguration,
  IngestionConfiguration,
  LoggingConfiguration,
  PLATFORM_CONCERNS,
  readConfiguration,
  Variable,
} from './configuration.ts';

class BrewingConfiguration {
  @Variable('BREWING_CUPS', 'Cups a pot')
  @IsInt()
  @Max(12)
  cups = 8;
}

const faultsOf = (environment: Record<string, string>): readonly string[] => {
  try {
    readConfiguration(PLATFORM_CONCERNS, environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationFault) return error.faults;
    throw error;
  }
};

describe('the configuration', () => {
  it('has a value for everything without any variable', () => {
    const configuration = readConfiguration(PLATFORM_CONCERNS, {});
    expect(configuration(HttpConfiguration)).toMatchObject({ host: '127.0.0.1', port: 8080 });
  });

  it('reads numbers, truth values and lists from text', () => {
    const configuration = readConfiguration(PLATFORM_CONCERNS, {
      PORT: '9000',
      LOG_REQUESTS: 'false',
      IMPORT_FOLDERS: '/a, /b c',
    });
    expect(configuration(HttpConfiguration).port).toBe(9000);
    expect(configuration(LoggingConfiguration).requests).toBe(false);
    expect(configuration(IngestionConfiguration).importFolders).toEqual(['/a', '/b c']);
  });

  it('takes an empty variable for none', () => {
    expect(readConfiguration(PLATFORM_CONCERNS, { PORT: '' })(HttpConfiguration).port).toBe(8080);
  });

  it('names every fault at once, by its variable', () => {
    const faults = faultsOf({
      PORT: '80a',
      LOG_LEVEL: 'loud',
      LOG_REQUESTS: 'yes',
      BODY_LIMIT_KB: '0',
      EVENT_STORE_URL: 'nowhere',
    });
    for (const variable of ['PORT', 'LOG_LEVEL', 'LOG_REQUESTS', 'BODY_LIMIT_KB', 'EVENT_STORE_URL']) {
      expect(faults.some((fault) => fault.startsWith(`${variable}: `))).toBe(true);
    }
    expect(faults.find((fault) => fault.startsWith('BODY_LIMIT_KB'))).toBe('BODY_LIMIT_KB: must not be less than 1 (it is "0")');
  });

  it.each(['1e3', '80.5', ' 80', '0x50', '99999999999999999999'])('does not take %j for a port', (port) => {
    expect(faultsOf({ PORT: port })).not.toEqual([]);
  });

  it('takes in what a service declares', () => {
    expect(readConfiguration([BrewingConfiguration], { BREWING_CUPS: '3' })(BrewingConfiguration).cups).toBe(3);
    expect(() => readConfiguration([BrewingConfiguration], { BREWING_CUPS: '13' })).toThrow(
      'BREWING_CUPS: must not be greater than 12',
    );
  });

  it('refuses to hand out what nobody declared', () => {
    expect(() => readConfiguration([], {})(BrewingConfiguration)).toThrow('BrewingConfiguration is no concern of this process');
  });

  it('lists every variable with its default, once', () => {
    const table = configurationTable([...PLATFORM_CONCERNS, BrewingConfiguration]);
    expect(table).toContainEqual({ variable: 'BREWING_CUPS', fallback: '8', description: 'Cups a pot' });
    expect(table).toContainEqual(expect.objectContaining({ variable: 'IMPORT_FOLDERS', fallback: '' }));
    expect(new Set(table.map(({ variable }) => variable)).size).toBe(table.length);
  });
});
