import { render } from 'preact';
import './style/page.css';
import './style/controls.css';
import './style/results.css';
import { App } from './components/app.js';

const root = document.getElementById('app')!;
root.textContent = '';
render(<App />, root);
