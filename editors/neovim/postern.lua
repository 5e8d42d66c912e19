-- Postern's rules in Neovim 0.7 and later: copy this file to ~/.config/nvim/plugin/postern.lua. `postern` must be in the PATH.
-- *.rules are taken to be Postern's; the pattern may name a folder: "*/postern/rules/*.rules".
local group = vim.api.nvim_create_augroup("postern", { clear = true })
vim.api.nvim_create_autocmd({ "BufReadPost", "BufNewFile" }, {
  group = group,
  pattern = "*.rules",
  callback = function(args)
    vim.bo[args.buf].filetype = "postern"
    vim.bo[args.buf].commentstring = "// %s"
    vim.bo[args.buf].omnifunc = "v:lua.vim.lsp.omnifunc" -- completion by Ctrl-X Ctrl-O, where no plugin does it
    local config = {
      name = "postern",
      cmd = { "postern", "lsp" },
      root_dir = vim.fn.fnamemodify(args.file, ":p:h"),
    }
    if vim.lsp.start then
      vim.lsp.start(config, { bufnr = args.buf })
    else -- 0.7
      vim.lsp.buf_attach_client(args.buf, vim.lsp.start_client(config))
    end
  end,
})
