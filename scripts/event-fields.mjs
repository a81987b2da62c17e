// @ts-check
/**
 * Reads the fields of every event off their TypeScript declarations, with their comments, so that
 * the reference of events says what the compiler holds the code to.
 */
import { join } from 'node:path';
import ts from 'typescript';
import { projectRoot } from './build.mjs';

/** @typedef {{ name: string, type: string, optional: boolean, comment: string }} Field */

const EVENTS_FILE = join(projectRoot, 'src', 'run', 'events.ts');
const SHAPES_FILE = join(projectRoot, 'src', 'run', 'event-shapes.ts');

/**
 * @returns {{ byType: Map<string, Field[]>, shapes: Map<string, string> }} fields by event type, without `type`
 *   itself; and the declarations of the types that fields name
 */
export function readEventFields() {
  const program = ts.createProgram([EVENTS_FILE], {
    strict: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    module: ts.ModuleKind.NodeNext,
  });
  const checker = program.getTypeChecker();
  const file = sourceFile(program, EVENTS_FILE);
  /** @type {Map<string, Field[]>} */
  const byType = new Map();
  for (const member of unionMembers(checker, file)) {
    byType.set(typeWord(checker, member), fieldsOf(checker, member));
  }
  return {
    byType,
    shapes: shapesIn([file, sourceFile(program, SHAPES_FILE)], [...byType.values()].flat()),
  };
}

/** @param {ts.Program} program @param {string} path */
function sourceFile(program, path) {
  const file = program.getSourceFile(path);
  if (file === undefined) throw new Error(`${path} is not there`);
  return file;
}

/** @param {ts.TypeChecker} checker @param {ts.SourceFile} file */
function unionMembers(checker, file) {
  const alias = file.statements.find(
    (statement) => ts.isTypeAliasDeclaration(statement) && statement.name.text === 'RunEventBody',
  );
  if (alias === undefined) throw new Error('there is no type RunEventBody');
  const union = checker.getTypeAtLocation(alias);
  return union.isUnion() ? union.types : [union];
}

/** @param {ts.TypeChecker} checker @param {ts.Type} event */
function typeWord(checker, event) {
  const symbol = event.getProperty('type');
  const word = symbol && checker.getTypeOfSymbol(symbol);
  if (!word?.isStringLiteral()) throw new Error('an event without a type word');
  return word.value;
}

/** @param {ts.TypeChecker} checker @param {ts.Type} event @returns {Field[]} */
function fieldsOf(checker, event) {
  return event
    .getProperties()
    .filter(({ name }) => name !== 'type')
    .map((symbol) => {
      const declaration = symbol.valueDeclaration;
      const written =
        declaration && ts.isPropertySignature(declaration)
          ? declaration.type?.getText()
          : undefined;
      return {
        name: symbol.name,
        type: (written ?? '')
          .replaceAll('readonly ', '')
          .replaceAll(/\s+/g, ' ')
          .replace(/^\| /, ''),
        optional: (symbol.flags & ts.SymbolFlags.Optional) !== 0,
        comment: ts.displayPartsToString(symbol.getDocumentationComment(checker)),
      };
    });
}

/**
 * Declarations in these files that fields name, and those that these name in turn.
 * @param {ts.SourceFile[]} files
 * @param {Field[]} fields
 */
function shapesIn(files, fields) {
  const declared = new Map(
    files
      .flatMap(({ statements }) => [...statements])
      .filter((node) => ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
      .map((node) => [node.name.text, node.getText().replace(/^export /, '')]),
  );
  /** @type {Map<string, string>} */
  const shapes = new Map();
  const waiting = fields.map(({ type }) => type);
  for (let text = waiting.pop(); text !== undefined; text = waiting.pop()) {
    for (const [name, declaration] of declared) {
      if (shapes.has(name) || !new RegExp(`\\b${name}\\b`).test(text)) continue;
      shapes.set(name, declaration);
      waiting.push(declaration);
    }
  }
  return new Map([...shapes].sort(([left], [right]) => left.localeCompare(right)));
}
