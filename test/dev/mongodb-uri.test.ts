import { describe, expect, it } from 'vitest';
import { describeHosts, withDatabase, withDefaultDatabase } from '../../dev/engine/mongodb-uri.ts';

describe('a connection string', () => {
  it.each([
    ['mongodb://127.0.0.1:27017', 'mongodb://127.0.0.1:27017/other'],
    ['mongodb://127.0.0.1:27017/', 'mongodb://127.0.0.1:27017/other'],
    ['mongodb://127.0.0.1:27017/one?w=1', 'mongodb://127.0.0.1:27017/other?w=1'],
    ['mongodb://a:1,b:2,c:3/one?replicaSet=rs', 'mongodb://a:1,b:2,c:3/other?replicaSet=rs'],
    ['mongodb+srv://cluster.example.com/?tls=true', 'mongodb+srv://cluster.example.com/other?tls=true'],
  ])('%s gets another database', (uri, expected) => {
    expect(withDatabase(uri, 'other')).toBe(expected);
  });

  it.each([
    ['mongodb://me:secret@host/users', 'mongodb://me:secret@host/other?authSource=users'],
    ['mongodb://me:secret@host', 'mongodb://me:secret@host/other?authSource=admin'],
    ['mongodb://me:secret@host/users?authsource=x', 'mongodb://me:secret@host/other?authsource=x'],
  ])('%s still signs in where the user is defined', (uri, expected) => {
    expect(withDatabase(uri, 'other')).toBe(expected);
  });

  it('keeps the database that it names, and gets the default otherwise', () => {
    expect(withDefaultDatabase('mongodb://host/mine', 'wheelhouse')).toBe('mongodb://host/mine');
    expect(withDefaultDatabase('mongodb://host', 'wheelhouse')).toBe('mongodb://host/wheelhouse');
  });

  it('is described without user and password', () => {
    expect(describeHosts('mongodb://me:p@ss@a:1,b:2/x')).toBe('a:1,b:2');
  });

  it('that is none is refused without repeating it', () => {
    expect(() => withDatabase('postgres://me:secret@host/x', 'other')).toThrow(/^MONGODB_URI is no connection string/);
    expect(() => withDatabase('postgres://me:secret@host/x', 'other')).not.toThrow(/secret/);
  });
});
