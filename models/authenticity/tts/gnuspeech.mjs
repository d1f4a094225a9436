// Speaks one text by Gnuspeech: node gnuspeech.mjs PACKAGE VOICE TEMPO OUT.wav TEXT
import { writeFileSync } from 'node:fs'

const [root, voice, tempo, out, text] = process.argv.slice(2)
const { default: load } = await import(root + '/wasm/gnuspeech.js')
const { defaultTrmControlModelFileContent: model } = await import(root + '/dist/utilities/DefaultTrmControlModel.js')
const module = await load()
const settings = model.replace('voice_name = male', `voice_name = ${voice}`).replace('tempo = 1.0', `tempo = ${tempo}`)
module.FS.writeFile('/data/en/trm_control_model.txt', settings)

function pointer(string) {
    const bytes = new TextEncoder().encode(string + '\0')
    const address = module._malloc(bytes.length)
    module.HEAPU8.set(bytes, address)
    return address
}

module._GnuSpeech_synthesizeToFile(pointer(text), pointer('./out.wav'), pointer('/data/en'), pointer('./parameters.txt'), 0)
writeFileSync(out, module.FS.readFile('./out.wav'))
